"""Graph -> Plan: what is kept, what is fused into which kernel, and where every buffer lies."""
