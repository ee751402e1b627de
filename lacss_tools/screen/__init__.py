"""What people see: the terminal, pages in one file, drawings and plots."""
