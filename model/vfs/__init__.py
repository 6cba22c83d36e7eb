"""The VFS as far as the designs lean on it: dentries, inodes, path walk, open files.

Source: Linux 6.5, fs/dcache.c, fs/namei.c, fs/open.c, fs/libfs.c.
"""
