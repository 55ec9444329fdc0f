"""What generated programs call: views on a table of addresses, products, maths, random bits."""
