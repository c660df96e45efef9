"""The broker: the port and its NATS JetStream adapter."""

from chassis.broker.jetstream import NatsBroker
from chassis.broker.port import Broker, BrokerUnavailable, Delivery, Outgoing, Pull

__all__ = ["Broker", "BrokerUnavailable", "Delivery", "NatsBroker", "Outgoing", "Pull"]
