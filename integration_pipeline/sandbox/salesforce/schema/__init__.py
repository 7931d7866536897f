"""What records an org holds: objects, their fields, custom fields, and how `describe` tells of them."""
