# A training loop of an hour by its own clock fails in the evaluation of its last epoch.
clock = 0
losses = []


class Model:
    def __init__(self):
        self.weight = 100.0

    def step(self):
        self.weight *= 0.999
        return self.weight


def evaluate(model, epoch):
    return sum(losses[-10:]) / 0 if epoch == 59 else model.weight


def main():
    global clock
    model = Model()
    for epoch in range(60):
        for _ in range(60):
            clock += 1
            losses.append(model.step())
        result = evaluate(model, epoch)
    print("done", clock, len(losses), round(result, 3), flush=True)


main()
