# The controller's image: the locked packages and tidegate's wheel in one virtual environment.
# A tag of the official Python image; add a digest to pin it.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv /opt/tidegate
# The packages change less often than the code: their layer comes first.
COPY locks/build.txt locks/runtime.txt locks/
RUN /opt/build/bin/python -m pip install --require-hashes --no-deps -r locks/build.txt
RUN /opt/tidegate/bin/python -m pip install --require-hashes --no-deps -r locks/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY analysis analysis
COPY canary canary
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /opt/dist .
RUN /opt/tidegate/bin/python -m pip install --no-deps --no-index /opt/dist/tidegate-*.whl
# What runs needs no installer; of older Pythons a new environment has two packages for it.
RUN /opt/tidegate/bin/python -m pip uninstall --yes pip setuptools

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="tidegate" \
      org.opencontainers.image.description="Progressive delivery for Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/tidegate /opt/tidegate
# SAFEPATH keeps the working folder out of the import path; the file system may be read-only.
ENV PATH=/opt/tidegate/bin:$PATH PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /
# A number, so that Kubernetes can see that it is not root; it needs no entry in /etc/passwd.
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["tidegate"]
CMD ["run"]
