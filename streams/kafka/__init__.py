"""The log on Kafka: the adapters of the ports in ``streams.ports``, on aiokafka. Start at ``streams.kafka.log``."""
