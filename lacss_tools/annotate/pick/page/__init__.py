"""The picker in the browser: its application, what lies on its desk, its requests, its page."""
