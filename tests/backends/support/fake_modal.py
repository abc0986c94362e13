"""Modal's API over real gRPC, as far as the service at Modal uses it; workers are threads here."""

import asyncio
import base64
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.server import Server, Stream
from modal._serialization import deserialize, serialize
from modal_proto import api_pb2
from modal_proto.api_grpc import ModalClientBase

from backends.server.modal_calls import WorkItem, WorkResult


def _encode_token() -> str:
    """Return a JSON web token that expires in an hour and is not signed."""
    parts = ({"alg": "none"}, {"exp": int(time.time()) + 3600}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)


def _describe_function() -> api_pb2.FunctionData:
    ranked = api_pb2.FunctionData.RankedFunction(function=api_pb2.Function())
    return api_pb2.FunctionData(ranked_functions=[ranked])


class FakeModal:
    """One app with the class Worker, one Dict and one Volume for each name.

    Attributes:
        requests: names of all requests, in order.
        dicts: entries, serialized, by the name of the Dict.
        calls: results of calls, by id; they are pending until the worker returns.
        failing: names of requests that are refused.
        lost: the n-th calls, whose workers fail.
        cold_seconds: until a worker has started.
        images: commands of the images that a deploy builds, in order.
        functions: what a deploy creates, by name.
        is_published: whether a deploy ended well.
    """

    def __init__(self, make: Callable[[WorkItem], WorkResult]) -> None:
        """Let workers run *make* with the item of each call."""
        self._make = make
        self.failing: set[str] = set()
        self.lost: Collection[int] = ()
        self.cold_seconds = 0.0
        self.images: list[list[str]] = []
        self.functions: dict[str, api_pb2.Function] = {}
        self.is_published = False
        self._threads = ThreadPoolExecutor(9)
        self.requests: list[str] = []
        self.dicts: dict[str, dict[bytes, bytes]] = {}
        self.calls: dict[str, asyncio.Future[api_pb2.GenericResult]] = {}

    async def answer(self, name: str, stream: Stream[Any, Any]) -> None:
        """Answer one request."""
        request = await stream.recv_message()
        self.requests.append(name)
        if name in self.failing:
            raise GRPCError(Status.FAILED_PRECONDITION, "not today")
        handler = getattr(self, re.sub(r"(?=[A-Z])", "_", name).lower(), None)
        if handler is None:
            raise GRPCError(Status.UNIMPLEMENTED, f"the fake has no {name}")
        await stream.send_message(await handler(request))

    async def _client_hello(self, _: Any) -> Any:
        return api_pb2.ClientHelloResponse()

    async def _auth_token_get(self, _: Any) -> Any:
        return api_pb2.AuthTokenGetResponse(token=_encode_token())

    async def _class_get(self, _: Any) -> Any:
        return api_pb2.ClassGetResponse(class_id="cs-1")

    async def _function_get(self, request: Any) -> Any:
        method = api_pb2.FunctionHandleMetadata(
            function_name="Worker.make_mattes", use_method_name="make_mattes", is_method=True
        )
        metadata = api_pb2.FunctionHandleMetadata(
            function_name=request.object_tag, method_handle_metadata={"make_mattes": method}
        )
        return api_pb2.FunctionGetResponse(
            function_id="fu-1", handle_metadata=metadata, function=_describe_function()
        )

    async def _function_map(self, request: Any) -> Any:
        (sent,) = request.pipelined_inputs
        (item,), _ = deserialize(sent.input.args, None)
        call_id = f"fc-{len(self.calls)}"
        is_lost = len(self.calls) in self.lost
        self.calls[call_id] = asyncio.ensure_future(self._run(item, is_lost=is_lost))
        accepted = api_pb2.FunctionPutInputsResponseItem(input_id=f"in-{call_id}", idx=0)
        return api_pb2.FunctionMapResponse(function_call_id=call_id, pipelined_inputs=[accepted])

    async def _run(self, item: WorkItem, *, is_lost: bool) -> api_pb2.GenericResult:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self.cold_seconds)
            if is_lost:
                status = api_pb2.GenericResult.GENERIC_STATUS_INTERNAL_FAILURE
                return api_pb2.GenericResult(status=status, exception="the container is gone")
            result = await loop.run_in_executor(self._threads, self._make, item)
        except asyncio.CancelledError:
            status = api_pb2.GenericResult.GENERIC_STATUS_TERMINATED
            return api_pb2.GenericResult(status=status, exception="cancelled")
        status = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
        return api_pb2.GenericResult(status=status, data=serialize(result))

    async def _function_get_outputs(self, request: Any) -> Any:
        call = self.calls[request.function_call_id]
        await asyncio.wait([call], timeout=request.timeout)
        if not call.done():
            return api_pb2.FunctionGetOutputsResponse(num_unfinished_inputs=1)
        output = api_pb2.FunctionGetOutputsItem(
            result=call.result(), idx=0, data_format=api_pb2.DATA_FORMAT_PICKLE
        )
        return api_pb2.FunctionGetOutputsResponse(idxs=[0], outputs=[output])

    async def _function_call_cancel(self, request: Any) -> Any:
        self.calls[request.function_call_id].cancel()
        return Empty()

    async def _dict_get_or_create(self, request: Any) -> Any:
        self.dicts.setdefault(request.deployment_name, {})
        return api_pb2.DictGetOrCreateResponse(
            dict_id=f"di-{request.deployment_name}", metadata=api_pb2.DictMetadata()
        )

    async def _dict_update(self, request: Any) -> Any:
        entries = self.dicts[request.dict_id.removeprefix("di-")]
        entries.update({update.key: update.value for update in request.updates})
        return api_pb2.DictUpdateResponse(created=True)

    async def _dict_get(self, request: Any) -> Any:
        value = self.dicts[request.dict_id.removeprefix("di-")].get(request.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    async def _dict_pop(self, request: Any) -> Any:
        value = self.dicts[request.dict_id.removeprefix("di-")].pop(request.key, None)
        return api_pb2.DictPopResponse(found=value is not None, value=value)

    async def _volume_get_or_create(self, request: Any) -> Any:
        return api_pb2.VolumeGetOrCreateResponse(volume_id=f"vo-{request.deployment_name}")

    async def _volume_commit(self, _: Any) -> Any:
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    async def _app_get_by_deployment_name(self, _: Any) -> Any:
        return api_pb2.AppGetByDeploymentNameResponse()  # no earlier deploy

    async def _app_create(self, _: Any) -> Any:
        return api_pb2.AppCreateResponse(app_id="ap-1")

    async def _app_publish(self, request: Any) -> Any:
        self.is_published = request.app_state == api_pb2.APP_STATE_DEPLOYED
        return api_pb2.AppPublishResponse(url="https://modal.example/app")

    async def _app_client_disconnect(self, _: Any) -> Any:
        return Empty()

    async def _secret_get_or_create(self, request: Any) -> Any:
        return api_pb2.SecretGetOrCreateResponse(secret_id=f"st-{request.deployment_name}")

    async def _mount_get_or_create(self, _: Any) -> Any:
        return api_pb2.MountGetOrCreateResponse(mount_id="mo-1")

    async def _mount_put_file(self, _: Any) -> Any:
        return api_pb2.MountPutFileResponse(exists=True)

    async def _environment_get_or_create(self, _: Any) -> Any:
        settings = api_pb2.EnvironmentSettings(image_builder_version="2025.06")
        metadata = api_pb2.EnvironmentMetadata(name="main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    async def _app_heartbeat(self, _: Any) -> Any:
        return Empty()

    async def _mount_batched_check_existence(self, _: Any) -> Any:
        return api_pb2.MountBatchedCheckExistenceResponse()

    async def _image_get_or_create(self, request: Any) -> Any:
        self.images.append(list(request.image.dockerfile_commands))
        status = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
        return api_pb2.ImageGetOrCreateResponse(
            image_id=f"im-{len(self.images)}", result=api_pb2.GenericResult(status=status)
        )

    async def _function_precreate(self, request: Any) -> Any:
        return api_pb2.FunctionPrecreateResponse(function_id=f"fu-{request.function_name}")

    async def _function_create(self, request: Any) -> Any:
        name = request.function.function_name or request.function_data.function_name
        ranked = [one.function for one in request.function_data.ranked_functions]
        self.functions[name] = ranked[0] if ranked else request.function
        metadata = api_pb2.FunctionHandleMetadata(function_name=name)
        return api_pb2.FunctionCreateResponse(
            function_id=f"fu-{name}", handle_metadata=metadata, function_data=_describe_function()
        )

    async def _class_create(self, _: Any) -> Any:
        return api_pb2.ClassCreateResponse(class_id="cs-1")


@asynccontextmanager
async def serve_fake_modal(fake: FakeModal) -> AsyncIterator[str]:
    """Serve *fake* on a free port, and yield its address."""

    def forward(name: str) -> Callable[..., Any]:
        async def answer(_: Any, stream: Stream[Any, Any]) -> None:
            await fake.answer(name, stream)

        return answer

    handlers = {name: forward(name) for name in ModalClientBase.__abstractmethods__}
    server = Server([type("Service", (ModalClientBase,), handlers)()])
    listener = socket.create_server(("127.0.0.1", 0))
    await server.start(sock=listener)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
