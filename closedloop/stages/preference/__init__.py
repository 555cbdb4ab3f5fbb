"""Category preference as a day shows it: the categories each site likes most and least, their images, the attacks.

The queue chooses and draws (`choice`), the plan has a row an attack (`planned`), synthesize finds them (`raised`),
upwards alone.
"""
