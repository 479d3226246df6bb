"""What can be done with vendors, people, weddings and journeys: one module for each thing, one function for each deed."""
