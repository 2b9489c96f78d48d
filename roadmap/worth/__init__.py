"""Worth it in what people count: hands, waiting, failures, machine time and money, a month, and the cost of a gain."""
