"""The `milepost` command, which joins poc, metrics, roadmap and dashboard; and the interface for embedding programs."""

from milepost.embedding import ExchangeResult, exchange_file

__all__ = ["ExchangeResult", "exchange_file"]
