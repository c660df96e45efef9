"""A contract with every form that ProtoJSON knows, for tests of the edge: those of the shop hold only a few of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from joserfc import jwk

from tools.codegen import buf
from tools.codegen.contract import Contract
from tools.codegen.descriptor_set import descriptor_set
from tools.codegen.envoy import envoy_parts

_ROOT: Final = Path(__file__).parents[2]
_POLICY: Final = Path("protos/chassis/v1/policy.proto")
_SERVICE: Final = "bookstore.sample.v1.SampleService"
_RPC: Final = """
  // Stores something.
  rpc %s(%s) returns (%s) {
    option (google.api.http) = {%s};
    option idempotency_level = %s;
    option (chassis.v1.policy) = {
      access: ACCESS_PUBLIC timeout: {seconds: 5} rate_class: RATE_CLASS_BROWSE
    };
  }"""
_SOURCE: Final = """
syntax = "proto3";
package bookstore.sample.v1;
import "chassis/v1/policy.proto";
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

// Stores things. Served by the process that the edge's own routes lead to, so that no cluster is missing.
service SampleService {
  option (chassis.v1.served_by) = "storefront";
%s
}

enum Color {
  COLOR_UNSPECIFIED = 0;
  COLOR_RED = 1;
  COLOR_BLUE = 2;
}

// A thing of all forms.
message Thing {
  string text = 1;
  bytes raw_data = 2;
  bool is_new = 3;
  int32 small_number = 4;
  int64 large_number = 5;
  uint32 small_count = 6;
  uint64 large_count = 7;
  double ratio = 8;
  float weight = 9;
  Color main_color = 10;
  Thing inner_thing = 11;
  repeated Thing inner_things = 12 [(buf.validate.field).repeated.max_items = 5];
  repeated int32 some_numbers = 13 [(buf.validate.field).repeated.max_items = 5];
  repeated string some_texts = 14;
  repeated Color colors = 15 [(buf.validate.field).repeated.max_items = 5];
  map<string, string> text_by_name = 16 [(buf.validate.field).map.max_pairs = 5];
  map<int32, Thing> thing_by_number = 17 [(buf.validate.field).map.max_pairs = 5];
  map<bool, double> ratio_by_flag = 18;
  map<string, Color> color_by_name = 19 [(buf.validate.field).map.max_pairs = 5];
  google.protobuf.Any any_message = 20;
  google.protobuf.Struct any_object = 21;
  google.protobuf.Value any_value = 22;
  google.protobuf.ListValue any_list = 23;
  google.protobuf.Duration time_span = 24;
  google.protobuf.Timestamp start_time = 25;
  google.protobuf.FieldMask field_mask = 26;
  google.protobuf.StringValue wrapped_text = 27;
  google.protobuf.Int64Value wrapped_number = 28;
  google.protobuf.BoolValue wrapped_flag = 29;
  google.protobuf.DoubleValue wrapped_ratio = 30;
  google.protobuf.BytesValue wrapped_data = 31;
  oneof choice {
    string left_hand = 32;
    int32 right_hand = 33;
  }
  optional string maybe_text = 34;
  repeated google.protobuf.Duration time_spans = 35 [(buf.validate.field).repeated.max_items = 5];
  map<string, google.protobuf.Timestamp> times = 36 [(buf.validate.field).map.max_pairs = 5];
  google.protobuf.Empty nothing = 37;
}

message StoreThingRequest {
  Thing thing = 1;
  string thing_id = 2;
}

message StoreTextsRequest {
  repeated string some_texts = 1 [(buf.validate.field).repeated.max_items = 5];
}

message GetThingRequest {
  string thing_id = 1;
}

message DeleteThingRequest {
  string thing_id = 1;
}

message GetJwksRequest {}
"""
_EMPTY: Final = "google.protobuf.Empty"
_CALLS: Final = (
    ("Store", "Thing", _EMPTY, 'post: "/v1/things:store" body: "*"', "IDEMPOTENT"),
    ("StoreThing", "StoreThingRequest", _EMPTY, 'post: "/v1/things" body: "thing"', "IDEMPOTENT"),
    ("StoreTexts", "StoreTextsRequest", _EMPTY, 'post: "/v1/texts" body: "some_texts"', "IDEMPOTENT"),
    ("GetThing", "GetThingRequest", _EMPTY, 'get: "/v1/things/{thing_id}"', "NO_SIDE_EFFECTS"),
    ("DeleteThing", "DeleteThingRequest", _EMPTY, 'delete: "/v1/things/{thing_id}"', "IDEMPOTENT"),
)
# The edge opens when it has keys to verify tokens by.
_KEYS: Final = (
    "GetJwks", "GetJwksRequest", "google.api.HttpBody", 'get: "/.well-known/jwks.json"', "NO_SIDE_EFFECTS"
)  # fmt: skip


@dataclass
class Sample:
    """The compiled contract, and the requests that its server got."""

    generated: Path
    pool: DescriptorPool
    received: list[Any] = field(default_factory=list)

    @property
    def thing(self) -> Descriptor:
        """The message Thing."""
        return self.pool.FindMessageTypeByName("bookstore.sample.v1.Thing")

    def register(self, server: grpc.Server) -> None:
        """Adds a servicer that notes each request."""
        handlers = {name: self._handler(request) for name, request, *_ in _CALLS}
        handlers[_KEYS[0]] = grpc.unary_unary_rpc_method_handler(_keys)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))

    def _handler(self, request: str) -> Any:
        kind: Any = GetMessageClass(self.pool.FindMessageTypeByName(f"bookstore.sample.v1.{request}"))
        return grpc.unary_unary_rpc_method_handler(
            self._note,
            request_deserializer=kind.FromString,
            response_serializer=empty_pb2.Empty.SerializeToString,
        )

    def _note(self, request: Any, _: grpc.ServicerContext) -> empty_pb2.Empty:
        self.received.append(request)
        return empty_pb2.Empty()


def _keys(_: bytes, __: grpc.ServicerContext) -> bytes:
    key = jwk.ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
    document = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    return httpbody_pb2.HttpBody(content_type="application/json", data=document).SerializeToString()


def compiled(folder: Path) -> Sample:
    """Compiles the contract in `folder` and generates what the edge needs of it."""
    source = folder / "protos/bookstore/sample/v1/sample_service.proto"
    source.parent.mkdir(parents=True)
    source.write_text(_SOURCE % "".join(_RPC % call for call in (*_CALLS, _KEYS)))
    (folder / _POLICY).parent.mkdir(parents=True)
    shutil.copyfile(_ROOT / _POLICY, folder / _POLICY)
    shutil.copyfile(_ROOT / "buf.yaml", folder / "buf.yaml")
    built = buf.build(folder)
    generated = folder / "generated"
    (generated / "envoy").mkdir(parents=True)
    (generated / "descriptor_set.binpb").write_bytes(descriptor_set(built))
    for name, content in envoy_parts(Contract(FileDescriptorSet.FromString(built)), _ROOT / "envoy").items():
        (generated / "envoy" / name).write_bytes(content)
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(built).file:
        pool.AddSerializedFile(file.SerializeToString())
    return Sample(generated=generated, pool=pool)
