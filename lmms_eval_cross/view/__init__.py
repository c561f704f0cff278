"""The report as a page that is served on this machine and follows its runs; imports starlette and uvicorn."""
