"""A whole archive of radiographs, on one machine or on a cluster: `python -m pulmoscan archive`; docs/archives.md.

places → entries → listing        where files lie, one `Entry` a file, kept once as the run's own list
screening                         entries → rows, as `screen` would have it; each worker has one `Screener`
processes, ray_cluster            who works: processes of this machine, or Ray's actors, by the same few methods
run                               hands units out, isolates what kills a worker, goes on after a crash
store, schema, manifest           what is written: whole files or none, one unit of the list a file
estimate, report                  what it will cost, and what was found
"""
