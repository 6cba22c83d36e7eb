"""kernfs: the tree that sysfs and cgroupfs are made of, and the alternative to eventfs.

Source: fs/kernfs, 6.8.
"""
