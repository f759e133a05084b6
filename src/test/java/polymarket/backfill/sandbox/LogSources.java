package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;

/** Asks the three sources of logs as a reader of the chain does; a log is one line of text. */
final class LogSources {
  private final Client client;

  LogSources(Client client) {
    this.client = client;
  }

  static String line(
      long block, long index, String transaction, String address, String topics, String data) {
    return block + " " + index + " " + transaction + " " + address + " " + topics + " " + data;
  }

  /** The node's answer: hex numbers, and removed logs among the others. */
  List<String> node(long from, long to, String more) throws Exception {
    JsonNode answer =
        Json.read(
            client
                .post(
                    "/polygon",
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getLogs\",\"params\":[{\"fromBlock\":\""
                        + Polygon.hex(from)
                        + "\",\"toBlock\":\""
                        + Polygon.hex(to)
                        + "\""
                        + more
                        + "}]}")
                .body());
    List<String> lines = new ArrayList<>();
    for (JsonNode log : answer.get("result")) {
      if (!log.get("removed").asBoolean()) {
        lines.add(line(log));
      }
    }
    return lines;
  }

  /** A log of JSON-RPC. */
  static String line(JsonNode log) {
    return line(
        Long.decode(log.get("blockNumber").asText()),
        Long.decode(log.get("logIndex").asText()),
        log.get("transactionHash").asText(),
        log.get("address").asText(),
        log.get("topics").toString(),
        log.get("data").asText());
  }

  static String query(long from, long to, String more) {
    return "{\"type\":\"evm\",\"fromBlock\":"
        + from
        + ",\"toBlock\":"
        + to
        + ",\"fields\":{\"block\":{\"number\":true,\"hash\":true,\"timestamp\":true,\"parentHash\":true},"
        + "\"log\":{\"address\":true,\"topics\":true,\"data\":true,\"transactionHash\":true,"
        + "\"logIndex\":true}},\"logs\":[{}]"
        + more
        + "}";
  }

  HttpResponse<String> portal(String end, String body) throws Exception {
    return client.post("/sqd/datasets/polygon-mainnet/" + end, body);
  }

  /** Walks the portal's stream over a range. */
  List<String> portal(long from, long to) throws Exception {
    List<String> lines = new ArrayList<>();
    for (long next = from; next <= to; ) {
      HttpResponse<String> answer = portal("stream", query(next, to, ""));
      for (String text : answer.body().split("\n")) {
        JsonNode block = Json.read(text);
        long number = block.at("/header/number").asLong();
        for (JsonNode log : block.path("logs")) {
          lines.add(
              line(
                  number,
                  log.get("logIndex").asLong(),
                  log.get("transactionHash").asText(),
                  log.get("address").asText(),
                  log.get("topics").toString(),
                  log.get("data").asText()));
        }
        next = number + 1;
      }
    }
    return lines;
  }

  JsonNode hyperSync(long from, long end) throws Exception {
    String body =
        "{\"from_block\":"
            + from
            + ",\"to_block\":"
            + end
            + ",\"logs\":[{}],\"field_selection\":{\"block\":[\"number\",\"timestamp\",\"hash\"],"
            + "\"log\":[\"block_number\",\"log_index\",\"transaction_hash\",\"address\",\"data\","
            + "\"topic0\",\"topic1\",\"topic2\",\"topic3\"]}}";
    return Json.read(client.post("/hypersync/query", body, "Bearer " + HyperSync.TOKEN).body());
  }

  /** Walks HyperSync over a range. */
  List<String> hyperSync(long from, long to, List<JsonNode> answers) throws Exception {
    List<String> lines = new ArrayList<>();
    for (long next = from; next <= to; ) {
      JsonNode answer = hyperSync(next, to + 1);
      answers.add(answer);
      for (JsonNode log : answer.at("/data/0/logs")) {
        List<String> topics = new ArrayList<>();
        for (int k = 0; k < 4 && !log.get("topic" + k).isNull(); k++) {
          topics.add(log.get("topic" + k).toString());
        }
        lines.add(
            line(
                log.get("block_number").asLong(),
                log.get("log_index").asLong(),
                log.get("transaction_hash").asText(),
                log.get("address").asText(),
                "[" + String.join(",", topics) + "]",
                log.get("data").asText()));
      }
      next = answer.get("next_block").asLong();
    }
    return lines;
  }
}
