package polymarket.backfill.clickhouse;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Statement;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import javax.sql.DataSource;

/**
 * Connections whose statements run a SELECT without the driver reading it first, and a DELETE until
 * it has deleted. The driver's {@code execute}, which camel-jdbc calls, parses the text to find out
 * whether there is a result; with a thousand ids in it that takes longer than all other work on
 * their rows. Its {@code executeQuery} sends the text as it is.
 */
final class UnparsedSelects {

  private static final Pattern SELECT = Pattern.compile("(\\s|--[^\\n]*\\n)*(SELECT|WITH)\\b");

  private UnparsedSelects() {}

  /** What takes the place of a method, or passes its call on. */
  private interface Call {
    Object of(Method method, Object[] arguments, Passed passed) throws Throwable;
  }

  /** Calls the method of the object behind. */
  private interface Passed {
    Object call() throws Throwable;
  }

  /**
   * @param changed gives what is sent for any other statement
   */
  static DataSource of(DataSource source, UnaryOperator<String> changed, Deletions deletions) {
    return wrapped(
        DataSource.class,
        source,
        (method, arguments, passed) ->
            method.getName().equals("getConnection")
                ? connection((Connection) passed.call(), changed, deletions)
                : passed.call());
  }

  private static Connection connection(
      Connection connection, UnaryOperator<String> changed, Deletions deletions) {
    return wrapped(
        Connection.class,
        connection,
        (method, arguments, passed) ->
            method.getName().equals("createStatement")
                ? statement((Statement) passed.call(), changed, deletions)
                : passed.call());
  }

  private static Statement statement(
      Statement statement, UnaryOperator<String> changed, Deletions deletions) {
    return wrapped(
        Statement.class,
        statement,
        (method, arguments, passed) -> {
          if (method.getName().equals("execute") && arguments.length == 1) {
            String sql = (String) arguments[0];
            if (SELECT.matcher(sql).lookingAt()) {
              statement.executeQuery(sql);
              return true;
            }
            arguments[0] = changed.apply(sql);
            return deletions.complete(sql, passed::call);
          }
          return passed.call();
        });
  }

  private static <T> T wrapped(Class<T> type, T behind, Call call) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) ->
                call.of(
                    method,
                    arguments,
                    () -> {
                      try {
                        return method.invoke(behind, arguments);
                      } catch (InvocationTargetException e) {
                        throw e.getCause();
                      }
                    })));
  }
}
