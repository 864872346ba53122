import { endpoints } from "../../../api/endpoints.ts";
import type { SessionReply } from "../../../api/session.ts";
import { accessBy, accessOf, noSessionCookie, sessionCookie } from "../access.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** `/api/v1/session`: how the dashboard signs in and out. */
export function sessionRoutes(app: AdminApp, options: AdminAppOptions): void {
  const needsToken = options.token !== null;
  const signedOut: SessionReply = {
    access: needsToken ? "none" : "write",
    signedIn: false,
    needsToken,
  };

  app.route({
    ...endpoints.showSession,
    handler: (request) => ({ ...accessOf(request.headers, options), needsToken }),
  });

  app.route({
    ...endpoints.signIn,
    handler: (request, reply) => {
      const { token } = request.body;
      const access = accessBy(token, options);
      if (access === "none") {
        throw new ApiError(
          401,
          "UNAUTHORIZED",
          "this is not the token: it stands in the file that admin.tokenFile names",
        );
      }
      if (needsToken) reply.header("set-cookie", sessionCookie(token, options.secure));
      return { access, signedIn: needsToken, needsToken };
    },
  });

  app.route({
    ...endpoints.signOut,
    handler: (_request, reply) => {
      reply.header("set-cookie", noSessionCookie(options.secure));
      return signedOut;
    },
  });
}
