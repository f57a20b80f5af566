"""First times: adopting a project, beginning on this machine."""
