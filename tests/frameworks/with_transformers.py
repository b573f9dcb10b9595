"""Training with transformers."""

import time

import torch
import transformers
from transformers import Trainer, TrainingArguments

from mnist_tui.transformers import Monitor


class Net(torch.nn.Module):
    def __init__(self, slow_s=0.0):
        super().__init__()
        self.net, self.slow_s = torch.nn.Linear(8, 2), slow_s

    def forward(self, x, labels=None):
        time.sleep(self.slow_s)
        out = self.net(x)
        return {"loss": torch.nn.functional.cross_entropy(out, labels), "logits": out}


class Data(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    def __init__(self):
        self.x, self.y = torch.randn(80, 8), torch.randint(0, 2, (80,))

    def __len__(self):
        return 80

    def __getitem__(self, i):
        return {"x": self.x[i], "labels": self.y[i]}


def fit(epochs=3, slow_s=0.0):
    torch.manual_seed(0)
    args = TrainingArguments(
        output_dir="out",
        num_train_epochs=epochs,
        per_device_train_batch_size=16,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        learning_rate=0.1,
        use_cpu=True,
    )
    data = Data()
    trainer = Trainer(model=Net(slow_s), args=args, train_dataset=data, eval_dataset=data, callbacks=[Monitor("train")])
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()
    return trainer
