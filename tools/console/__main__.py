"""`python -m tools.console` is the `bookstore` command."""

from tools.console.main import app

if __name__ == "__main__":
    app(prog_name="bookstore")
