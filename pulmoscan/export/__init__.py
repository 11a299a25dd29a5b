"""What leaves the program: PDF, DICOM structured report and secondary capture, PNG, JSON and CSV."""

from pulmoscan.export.content import Report
from pulmoscan.export.formats import FORMATS, ReportFormat, write_report

__all__ = ["FORMATS", "Report", "ReportFormat", "write_report"]
