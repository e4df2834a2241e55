# dropgrid in a container, from the hashed lock file.
#   docker build -t dropgrid .
#   docker run --rm -v "$PWD/outputs:/outputs" dropgrid                                             # the demo
#   docker run --rm -v "$PWD/outputs:/outputs" dropgrid dropgrid-train +ablation=demo seed=5,6,7
#   docker run --rm -v "$PWD/outputs:/outputs" dropgrid dropgrid-status demo
#   docker run --rm --gpus all --shm-size 8g -v "$PWD/outputs:/outputs" -v /data:/data dropgrid \
#       dropgrid-train +ablation=dropblock_table1 scale=cifar10 trainer=gpu data.root=/data
# Stopped with `docker stop` the cells write checkpoints; the same command goes on.
FROM python:3.11-slim

# g++: trainer.compile
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*

WORKDIR /dropgrid
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY src src
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

ENV DROPGRID_OUTPUTS=/outputs
VOLUME /outputs
STOPSIGNAL SIGTERM
CMD ["dropgrid-train", "+ablation=demo"]
