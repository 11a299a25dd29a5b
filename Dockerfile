# The app in a container: on the CPU, without root, and without a network of its own. docs/install.md says how to run it.

FROM python:3.12-slim AS build
WORKDIR /build
COPY LICENSE NOTICE THIRD_PARTY.md README.md pyproject.toml requirements.txt requirements-dev.txt ./
COPY requirements-train.txt requirements-xrv.txt requirements-hospital.txt requirements-cluster.txt Home.py ./
COPY .streamlit .streamlit
COPY pages pages
COPY pulmoscan pulmoscan
COPY test_samples test_samples
COPY weights weights
RUN python -m pip wheel --no-deps --wheel-dir /dist .

FROM python:3.12-slim
# PyTorch's own index has the build without CUDA. All else is pinned with its hashes.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.lock requirements-torch.lock /lock/
RUN python -m pip install --no-cache-dir --require-hashes -r /lock/requirements.lock
RUN python -m pip install --no-cache-dir --index-url "$TORCH_INDEX" \
    $(grep -oE '^torch(vision)?==[^ ]+' /lock/requirements-torch.lock)
COPY --from=build /dist /dist
RUN python -m pip install --no-cache-dir --no-deps /dist/pulmoscan-*.whl

RUN useradd --create-home --uid 10001 pulmoscan
USER pulmoscan
WORKDIR /home/pulmoscan
# What the first start would compile is compiled now, so that a container can start without writing.
ENV PULMOSCAN_CACHE=/home/pulmoscan/compiled
RUN pulmoscan models

EXPOSE 8501
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health')"]
CMD ["pulmoscan", "app", "--port", "8501"]
