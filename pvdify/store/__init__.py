"""The state directory: all that pvdify keeps, and the only file I/O. Nothing here waits for anybody."""
