"""The kernel's primitives, one file each, with the kernel's names."""
