"""What is refused of names and update masks, and which fields an update changes."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.postal_address_pb2 import PostalAddress

from chassis.errors import FieldInvalid
from chassis.requests import changed_fields, id_in

ADDRESS = PostalAddress(region_code="DE", locality="Ulm")


def test_a_name_has_an_id() -> None:
    assert id_in("books", "books/9780141439518") == "9780141439518"


@pytest.mark.parametrize("name", ["", "x", "books/", "orders/x", "books/x/y"])
def test_what_is_no_name_of_the_collection_names_the_field(name: str) -> None:
    with pytest.raises(FieldInvalid) as raised:
        id_in("books", name, field="book.name")
    assert raised.value.violations == [("book.name", "must be a name of the form books/{id}")]


def test_an_empty_mask_means_what_is_populated() -> None:
    assert changed_fields(ADDRESS, FieldMask()) == ["region_code", "locality"]


def test_a_mask_means_what_it_names_populated_or_not() -> None:
    assert changed_fields(ADDRESS, FieldMask(paths=["locality", "postal_code"])) == ["locality", "postal_code"]


def test_a_mask_with_other_fields_is_refused_and_names_them() -> None:
    with pytest.raises(FieldInvalid) as raised:
        changed_fields(ADDRESS, FieldMask(paths=["locality", "planet", "region_code.x"]))
    assert raised.value.violations == [
        ("update_mask", "'planet' is not a field of PostalAddress"),
        ("update_mask", "'region_code.x' is not a field of PostalAddress"),
    ]
