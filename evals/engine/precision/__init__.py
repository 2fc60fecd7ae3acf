"""Average precision and recall by COCO's rules: measures, tables, and the engines behind them."""
