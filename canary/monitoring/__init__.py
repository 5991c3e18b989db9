"""What watches tidegate: its metrics as a table, alert rules with runbooks, and Grafana dashboards.

Pure: values that are written to files by `tidegate monitoring` and into the chart.
"""
