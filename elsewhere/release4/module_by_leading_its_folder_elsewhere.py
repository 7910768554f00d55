def value():
    return (
        '000001'
    )
