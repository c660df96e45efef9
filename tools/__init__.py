"""What works on the bookstore from outside: the `bookstore` command and the code generator."""
