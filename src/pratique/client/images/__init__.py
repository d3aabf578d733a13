"""Images and indexes as a program uses them: changed on their way into a store, and looked into."""
