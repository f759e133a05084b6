package polymarket.backfill.source;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import polymarket.backfill.Messages;

/**
 * A group of JSON-RPC calls and their answers. They are sent in as few requests as the node
 * accepts: if it rejects a whole request, for any reason, the calls are sent in smaller ones, down
 * to one by one.
 */
public class RpcCalls {

  /** Messages with which nodes throttle an account. */
  private static final Pattern BUSY =
      Pattern.compile(
          "(?i)compute units|rate limit|too many requests|capacity per second|capacity limit");

  /** How many calls a node accepts in a request, as learned from its rejections. */
  public static final class Limit {

    private int most = Integer.MAX_VALUE;
    private int smaller;
    private int doubts;

    private synchronized int most() {
      return most;
    }

    /**
     * Records that this many calls were answered that had been rejected in a larger request. It
     * counts from the second time on, because once may be a failure of that request only.
     */
    private synchronized void only(int calls) {
      smaller = calls;
      if (++doubts > 1) {
        most = Math.min(most, calls);
      }
    }

    private synchronized void answered(int calls) {
      if (calls > smaller) {
        doubts = 0;
      }
    }
  }

  private final Limit limit;
  private final Map<String, Object> always;
  private final Deque<Map<String, Object>> pending = new ArrayDeque<>();
  private final Map<String, Map<String, Object>> answers = new HashMap<>();
  private List<Map<String, Object>> sent = List.of();
  private int most;
  private boolean split;

  /**
   * @param always a call that is part of every request, so that the same node answers it and the
   *     others; null for none
   * @param most the most calls in a request, if the node accepts as many
   */
  public RpcCalls(Limit limit, Map<String, Object> always, int most) {
    this.limit = limit;
    this.always = always;
    this.most = Math.min(most, limit.most());
  }

  public static Map<String, Object> call(Object id, String method, Object... parameters) {
    Map<String, Object> call = new LinkedHashMap<>();
    call.put("jsonrpc", "2.0");
    call.put("id", id);
    call.put("method", method);
    call.put("params", parameters);
    return call;
  }

  private static String id(Map<String, Object> call) {
    return String.valueOf(call.get("id"));
  }

  public void add(Map<String, Object> call) {
    pending.addLast(call);
  }

  /** Adds a call before the others. */
  public void addFirst(Map<String, Object> call) {
    pending.addFirst(call);
  }

  /** Forgets the calls that no request has had yet. */
  protected void dropPending() {
    pending.clear();
  }

  /** Whether there are calls that have not been sent yet. */
  public boolean isMore() {
    return !pending.isEmpty() || always != null && !answers.containsKey(id(always));
  }

  /** The calls of the next request. */
  public List<Map<String, Object>> next() {
    sent = new ArrayList<>();
    int room = most - (always != null && most > 1 ? 1 : 0);
    while (sent.size() < room && !pending.isEmpty()) {
      sent.add(pending.removeFirst());
    }
    if (always != null && (sent.isEmpty() || most > 1)) {
      sent.add(always);
    }
    return List.copyOf(sent);
  }

  /**
   * Takes the answer to a request: a list in any order, or one object.
   *
   * @return the answers by the ids of their calls; empty if the whole request was rejected and its
   *     calls will be sent in smaller ones
   * @throws SourceException if it is not a JSON-RPC answer, answers none of the calls, or the node
   *     throttles
   */
  public Map<String, Map<String, Object>> take(Object body) throws SourceException {
    List<String> asked = sent.stream().map(RpcCalls::id).toList();
    Map<String, Map<String, Object>> now = new LinkedHashMap<>();
    Map<String, Object> stray = null;
    for (Object element : body instanceof List<?> many ? many : List.of(body)) {
      if (!(element instanceof Map<?, ?>)) {
        throw new SourceException("the answer is not a JSON-RPC answer");
      }
      @SuppressWarnings("unchecked")
      Map<String, Object> answer = (Map<String, Object>) element;
      if (answer.get("error") != null && BUSY.matcher(message(answer)).find()) {
        throw new SourceException("answered with an error: " + message(answer), 0, true, 0, false);
      }
      if (asked.contains(id(answer))) {
        now.put(id(answer), answer);
      } else if (answer.get("error") != null) {
        stray = answer;
      }
    }
    if (now.isEmpty() && stray != null && sent.size() > 1) {
      most = sent.size() > 2 ? (sent.size() + 1) / 2 : 1;
      split = true;
      for (int i = sent.size() - 1; i >= 0; i--) {
        if (sent.get(i) != always) {
          pending.addFirst(sent.get(i));
        }
      }
      return now;
    }
    if (now.isEmpty() && stray != null) {
      now.put(asked.get(0), stray);
    } else if (now.isEmpty()) {
      throw new SourceException("the answer has none of the calls that were made");
    } else if (!split && sent.size() > 1) {
      limit.answered(sent.size());
    } else if (split && stray == null) {
      split = false;
      limit.only(most);
    }
    now.forEach(
        (id, answer) -> {
          if (always != null && id.equals(id(always))) {
            answers.merge(id, answer, RpcCalls::worse);
          } else {
            answers.put(id, answer);
          }
        });
    return now;
  }

  /** Of two answers to the call that is part of every request: the error, or the smaller number. */
  private static Map<String, Object> worse(Map<String, Object> before, Map<String, Object> after) {
    Long one = number(before.get("result"));
    Long other = number(after.get("result"));
    return one == null || other != null && one <= other ? before : after;
  }

  /** The answer to a call; null if there was none. */
  public Map<String, Object> answer(Object id) {
    return answers.get(String.valueOf(id));
  }

  /** The result of a call; null if it had an error or no result. */
  public Object result(Object id) {
    Map<String, Object> answer = answer(id);
    return answer == null || answer.get("error") != null ? null : answer.get("result");
  }

  /** Why a call has no result. */
  public String failure(Object id) {
    Map<String, Object> answer = answer(id);
    return answer == null
        ? "no answer to a call"
        : answer.get("error") == null ? "the result is null" : message(answer);
  }

  private static String message(Map<String, Object> answer) {
    Object error = answer.get("error");
    return Messages.cut(
        error instanceof Map<?, ?> map
            ? map.get("code") + " " + map.get("message")
            : String.valueOf(error),
        200);
  }

  /** Whether a message throttles the account: by its rate or its monthly quota. */
  public static boolean saysBusy(String text) {
    return BUSY.matcher(text).find();
  }

  /**
   * Parses a quantity of a node: hex digits after 0x, decimal digits, or a number.
   *
   * @return null if it is not a quantity
   */
  public static Long number(Object quantity) {
    if (quantity instanceof Number number) {
      return number.longValue();
    }
    String text = quantity instanceof String string ? string.strip() : "";
    try {
      return text.startsWith("0x") || text.startsWith("0X")
          ? Long.parseLong(text.substring(2), 16)
          : Long.parseLong(text, 10);
    } catch (NumberFormatException e) {
      return null;
    }
  }
}
