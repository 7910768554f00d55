def value():
    return (
        '000000'
    )
