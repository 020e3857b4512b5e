"""What a browser loads: the bell, without a build step."""
