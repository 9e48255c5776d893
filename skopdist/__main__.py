"""``python -m skopdist`` prints what a report of a fault should say."""

from skopdist._environment import show_versions

if __name__ == "__main__":
    show_versions()
