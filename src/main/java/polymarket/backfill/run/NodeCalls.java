package polymarket.backfill.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import polymarket.backfill.UserError;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.polymarket.ContractCall;
import polymarket.backfill.source.RpcCalls;

/** Calls contracts by the node of a job: its route {@code JOB-calls} makes the calls. */
public final class NodeCalls implements ContractCall.Caller {

  private final AskedRoutes routes;

  public NodeCalls(AskedRoutes routes) {
    this.routes = routes;
  }

  @Override
  public List<String> call(List<ContractCall> calls) {
    List<Map<String, Object>> group = new ArrayList<>();
    for (ContractCall call : calls) {
      group.add(
          RpcCalls.call(
              String.valueOf(group.size()),
              "eth_call",
              Map.of("to", call.to(), "data", call.data()),
              "0x" + Long.toHexString(call.block())));
    }
    RpcCalls answers =
        routes
            .ask("-calls", Map.of(ExchangeProperties.GROUP, group))
            .getProperty(ExchangeProperties.SCAN, RpcCalls.class);
    List<String> results = new ArrayList<>();
    for (int i = 0; i < calls.size(); i++) {
      if (!(answers.result(i) instanceof String result)) {
        throw new UserError(
            "the node does not say what "
                + calls.get(i).to()
                + " gives after block "
                + calls.get(i).block()
                + ": "
                + answers.failure(i));
      }
      results.add(result);
    }
    return results;
  }
}
