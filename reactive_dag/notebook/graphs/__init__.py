"""Pictures of graphs, DAGs and triggers: what is shown of one, where it stands, and how it looks."""
