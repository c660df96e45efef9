"""`python -m services.console` is the `bookstore` command."""

from services.console.main import app

if __name__ == "__main__":
    app(prog_name="bookstore")
