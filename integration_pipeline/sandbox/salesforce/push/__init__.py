"""What an org tells others of its changes: outbound messages, and change events through a relay."""
