def write(runs, problems):
    pass
