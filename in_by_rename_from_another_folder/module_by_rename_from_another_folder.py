def value():
    return (
        '000002'
    )
