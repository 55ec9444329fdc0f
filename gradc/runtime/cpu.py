from gradc.runtime.decorators import kernel, step
from gradc.runtime.views import view_f32, view_f64, view_i32, view_i64, view_u8, view_b1
from gradc.runtime.maths import *
