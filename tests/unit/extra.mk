# Objects of programs that a unit test needs beside the libraries:
# UNIT_EXTRA_NAME = folder/file.c ... for tests/unit/NAME_test.c.
