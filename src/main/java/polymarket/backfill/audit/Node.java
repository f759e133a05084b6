package polymarket.backfill.audit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import polymarket.backfill.UserError;

/**
 * A node that is asked for balances, one call at a time: an audit makes some dozens of them, far
 * below any node's limit.
 */
public final class Node {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** The selector of balanceOf(address). */
  private static final String BALANCE_OF = "0x70a08231";

  private final URI url;
  private final HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build();

  /**
   * @param url of its JSON-RPC endpoint; may hold a key, and is not printed
   */
  public Node(URI url) {
    this.url = url;
  }

  /**
   * What an address had of an ERC-20 token after a block, in base units.
   *
   * @throws UserError where the node does not say, such as one without old states
   */
  BigInteger balance(String token, String holder, long block) {
    String call =
        JSON.createObjectNode()
            .put("to", token)
            .put("data", BALANCE_OF + "0".repeat(24) + holder.substring(2))
            .toString();
    String body =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_call\",\"params\":["
            + call
            + ",\"0x"
            + Long.toHexString(block)
            + "\"]}";
    JsonNode answer = ask(body);
    String result = answer.path("result").asText("");
    if (!result.matches("0x[0-9a-fA-F]{64}")) {
      throw new UserError(
          "the node does not say what "
              + holder
              + " held at block "
              + block
              + ": "
              + answer.path("error").path("message").asText("no balance in its answer"));
    }
    return new BigInteger(result.substring(2), 16);
  }

  private JsonNode ask(String body) {
    try {
      HttpResponse<byte[]> response =
          client.send(
              HttpRequest.newBuilder(url)
                  .timeout(PATIENCE)
                  .header("Content-Type", "application/json")
                  .POST(HttpRequest.BodyPublishers.ofString(body))
                  .build(),
              HttpResponse.BodyHandlers.ofByteArray());
      if (response.statusCode() != 200) {
        throw new UserError("the node answers with HTTP status " + response.statusCode());
      }
      return JSON.readTree(response.body());
    } catch (IOException e) {
      throw new UserError("the node does not answer: " + UserError.reason(e), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UserError("interrupted", e);
    }
  }
}
