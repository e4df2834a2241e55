"""Methods of a lab, outside of dropgrid."""
