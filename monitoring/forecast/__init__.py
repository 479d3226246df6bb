"""How many steps the days ahead will bring, from what the database already holds."""

from monitoring.forecast.figures import Day, Forecast, QueueNeed
from monitoring.forecast.forecasting import FEWEST_DAYS, MOST_DAYS, USUAL_DAYS, forecast

__all__ = ["FEWEST_DAYS", "MOST_DAYS", "USUAL_DAYS", "Day", "Forecast", "QueueNeed", "forecast"]
