"""The dashboards: the fleet, one Canary, the controller, and delivery as DORA counts it."""

from canary.monitoring.dashboards.canary import CANARY
from canary.monitoring.dashboards.controller import CONTROLLER
from canary.monitoring.dashboards.delivery import DELIVERY
from canary.monitoring.dashboards.fleet import FLEET

DASHBOARDS = (FLEET, CANARY, CONTROLLER, DELIVERY)
