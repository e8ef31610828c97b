"""A method to copy: see the page "Adding a method". The registry leaves out folders that begin with an underscore."""
