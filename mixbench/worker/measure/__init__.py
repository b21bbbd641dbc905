"""One quantity per module, measured with torch in this process; the parent process never imports these."""
