"""What is checked: the designs, and as much of the kernel around them as they touch."""
